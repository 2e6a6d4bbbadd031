package gatewayclient

import "container/list"

// ordered is a map that remembers the order in which its keys came.
type ordered[V any] struct {
	order list.List
	index map[string]*list.Element
}

type orderedEntry[V any] struct {
	key   string
	value V
}

func newOrdered[V any]() *ordered[V] {
	return &ordered[V]{index: map[string]*list.Element{}}
}

func (o *ordered[V]) len() int { return len(o.index) }

func (o *ordered[V]) get(key string) (V, bool) {
	if element, ok := o.index[key]; ok {
		return element.Value.(*orderedEntry[V]).value, true
	}
	var none V
	return none, false
}

func (o *ordered[V]) has(key string) bool {
	_, ok := o.index[key]
	return ok
}

// pushBack adds a key behind the others; one that is there stays as it is.
func (o *ordered[V]) pushBack(key string, value V) {
	if !o.has(key) {
		o.index[key] = o.order.PushBack(&orderedEntry[V]{key, value})
	}
}

// pushFront adds a key before the others; one that is there stays as it is.
func (o *ordered[V]) pushFront(key string, value V) {
	if !o.has(key) {
		o.index[key] = o.order.PushFront(&orderedEntry[V]{key, value})
	}
}

// front returns the first key.
func (o *ordered[V]) front() (key string, value V, ok bool) {
	if element := o.order.Front(); element != nil {
		entry := element.Value.(*orderedEntry[V])
		return entry.key, entry.value, true
	}
	return "", value, false
}

// remove takes a key out, if it is there.
func (o *ordered[V]) remove(key string) (V, bool) {
	element, ok := o.index[key]
	if !ok {
		var none V
		return none, false
	}
	delete(o.index, key)
	return o.order.Remove(element).(*orderedEntry[V]).value, true
}

// popFront takes the first key out.
func (o *ordered[V]) popFront() (key string, value V, ok bool) {
	if key, value, ok = o.front(); ok {
		o.remove(key)
	}
	return key, value, ok
}

// keys lists the keys in order.
func (o *ordered[V]) keys() []string {
	keys := make([]string, 0, len(o.index))
	for element := o.order.Front(); element != nil; element = element.Next() {
		keys = append(keys, element.Value.(*orderedEntry[V]).key)
	}
	return keys
}
