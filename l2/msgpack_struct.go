package l2

import (
	"fmt"
	"reflect"

	"github.com/tinylib/msgp/msgp"
)

type field struct {
	*op
	index int
	step  string
}

// structure writes a struct as the array of its fields, in their order: the codec's ID tells shapes apart, so names
// need not be written.
func (c *compiler) structure(t reflect.Type, path string) op {
	c.shape.WriteByte('{')
	var fields []field
	least := 0
	for i := range t.NumField() {
		f := t.Field(i)
		if !c.carries(f, path) {
			continue
		}
		c.shape.WriteString(f.Name + " ")
		fields = append(fields, field{op: c.compile(f.Type, path+"."+f.Name), index: i, step: "." + f.Name})
		least += fields[len(fields)-1].min
		c.shape.WriteByte(';')
	}
	c.shape.WriteByte('}')
	least += len(msgp.AppendArrayHeader(nil, uint32(len(fields))))
	return op{min: least, enc: encStruct(fields), dec: decStruct(fields)}
}

// carries reports whether f is data to be written, and refuses data that cannot be reached.
func (c *compiler) carries(f reflect.StructField, path string) bool {
	switch {
	case f.Name == "_", f.Type.Size() == 0: // no data
		return false
	case f.IsExported():
		return true
	case f.Anonymous && f.Type.Kind() == reflect.Struct && !c.special(f.Type) && c.byType[f.Type] == nil:
		return true // its exported fields are reachable, and structure refuses the others
	}
	c.refuse(path+"."+f.Name, "unexported field would be lost; export it or teach its struct with an Extension")
	return false
}

func encStruct(fields []field) func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	return func(dst []byte, v reflect.Value, depth int) ([]byte, error) {
		dst = msgp.AppendArrayHeader(dst, uint32(len(fields)))
		var err error
		for i := range fields {
			f := &fields[i]
			if dst, err = f.enc(dst, v.Field(f.index), depth); err != nil {
				return dst, at(f.step, err)
			}
		}
		return dst, nil
	}
}

func decStruct(fields []field) func(src []byte, v reflect.Value, depth int) ([]byte, error) {
	return func(src []byte, v reflect.Value, depth int) ([]byte, error) {
		n, src, err := msgp.ReadArrayHeaderBytes(src)
		if err == nil && int(n) != len(fields) {
			err = fmt.Errorf("%d fields, want %d", n, len(fields))
		}
		if err != nil {
			return src, err
		}
		for i := range fields {
			f := &fields[i]
			if src, err = f.dec(src, v.Field(f.index), depth); err != nil {
				return src, at(f.step, err)
			}
		}
		return src, nil
	}
}
