package scenario

// beside are the scenarios that run beside the rivals.
func beside() []Scenario { return nil }
