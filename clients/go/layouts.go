package gatewayclient

// The generated tables, prepared for reading.

// fieldSpec is one item of a body, as generated.
type fieldSpec struct {
	name        string
	kind        string
	isMandatory bool
}

// messageSpec is one message, as generated.
type messageSpec struct {
	number MessageType
	name   string
	role   string
	make   func() Message
	fields []fieldSpec
}

// topicType is what a kind, or a name of a sys topic, may carry, as generated.
type topicType struct {
	name  string
	types []MessageType
}

// integerRange is the bounds of a type of integer, as generated.
type integerRange struct {
	kind    string
	minimum uint64
	maximum uint64
}

// layout is a messageSpec prepared for reading.
type layout struct {
	messageSpec
	checks      []check
	mergedIndex int // Item that counts merged updates; 0 when there is none.
}

// check is a fieldSpec prepared for reading.
type check struct {
	name        string
	maximum     uint64
	isMandatory bool
}

const headerCount = 6

var (
	integerMaximum = func() map[string]uint64 {
		maximum := map[string]uint64{}
		for _, entry := range integerRanges {
			maximum[entry.kind] = entry.maximum
		}
		return maximum
	}()
	headerChecks = checksOf(headerFields)
	levelChecks  = checksOf(levelFields)
	layouts      = layoutsOf(messageSpecs)
	depthChecks  = layouts[MessageTypeDepth].checks
	orderChecks  = layouts[MessageTypeOrder].checks
	typesOfTopic = func() map[string][]MessageType {
		types := map[string][]MessageType{}
		for _, entry := range topicTypes {
			types[entry.name] = entry.types
		}
		return types
	}()
)

func checksOf(fields []fieldSpec) []check {
	checks := make([]check, len(fields))
	for i, field := range fields {
		checks[i] = check{field.name, integerMaximum[field.kind], field.isMandatory}
	}
	return checks
}

func layoutsOf(specs []messageSpec) map[MessageType]*layout {
	found := make(map[MessageType]*layout, len(specs))
	for _, spec := range specs {
		prepared := &layout{messageSpec: spec, checks: checksOf(spec.fields)}
		for i, field := range spec.fields {
			if field.name == "merged" {
				prepared.mergedIndex = headerCount + i
			}
		}
		found[spec.number] = prepared
	}
	return found
}
