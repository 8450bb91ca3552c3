package epoch

// Stripes returns the size of the table.
func (t *Table) Stripes() int { return len(*t.stripe.Load()) }

// SizeFor returns the size that Grow would give to a table of a size.
func SizeFor(entries int64, size int) int { return sizeFor(entries, size) }

// Groups is how many groups the stripes have.
const Groups = groups
