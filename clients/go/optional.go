package gatewayclient

import "fmt"

// Optional is a value that may be absent. Absent is never zero, so the value comes out only together
// with the answer whether there is one. Unlike a pointer it costs no allocation: a quote has nine.
type Optional[T any] struct {
	value T
	isSet bool
}

// Some makes an Optional that holds a value.
func Some[T any](value T) Optional[T] {
	return Optional[T]{value: value, isSet: true}
}

// Get returns the value, and whether there is one.
func (o Optional[T]) Get() (T, bool) {
	return o.value, o.isSet
}

// IsSet tells whether there is a value.
func (o Optional[T]) IsSet() bool {
	return o.isSet
}

// Or returns the value, or another one where there is none.
func (o Optional[T]) Or(other T) T {
	if o.isSet {
		return o.value
	}
	return other
}

// String spells the value; absent is "nil".
func (o Optional[T]) String() string {
	if !o.isSet {
		return "nil"
	}
	return fmt.Sprint(o.value)
}

func (o Optional[T]) any() any {
	if !o.isSet {
		return nil
	}
	return o.value
}
