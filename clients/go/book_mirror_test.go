package gatewayclient

import (
	"errors"
	"math/rand"
	"reflect"
	"testing"
)

func orderOf(sequence int64, action, side string, id uint64, price float64, size int64) *Order {
	return &Order{Header: Header{Kind: "order", Symbol: "@ES", Type: MessageTypeOrder, Epoch: 10, Sequence: sequence},
		Action: Some(action), Side: Some(side), OrderID: Some(id), Price: Some(price), Size: Some(size), Priority: Some(id)}
}

func imageOf(sequence int64, rows []BookRow) *Image {
	return &Image{Header: Header{Kind: "~01234567890123.order", Symbol: "@ES", Type: MessageTypeImage, Epoch: 10,
		Sequence: sequence, Flags: FlagSnapshot}, Rows: rows}
}

func mirrorOf(t *testing.T) *BookMirror {
	t.Helper()
	mirror, err := NewBookMirror("order", "@ES", 0)
	if err != nil {
		t.Fatal(err)
	}
	return mirror
}

// The order in which image and updates arrive does not matter: what is current is the same.
func TestMirrorsAgreeWhenAnImageComesLate(t *testing.T) {
	chance := rand.New(rand.NewSource(1))
	whole := mirrorOf(t)
	late := mirrorOf(t)
	var image *Image
	for sequence := int64(1); sequence <= 400; sequence++ {
		action := []string{"add", "update", "delete", "add", "clear"}[chance.Intn(50)%(5-chance.Intn(2))]
		side := []string{"B", "A"}[chance.Intn(2)]
		update := orderOf(sequence, action, side, uint64(chance.Intn(30)), float64(chance.Intn(9)), int64(chance.Intn(50)))
		if _, err := whole.Apply(update); err != nil {
			t.Fatal(err)
		}
		if sequence == 150 {
			image = imageOf(sequence, whole.Rows())
		}
		if sequence > 100 {
			if _, err := late.Apply(update); err != nil {
				t.Fatal(err)
			}
		}
		if sequence == 300 {
			if _, err := late.Apply(image); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !whole.IsCurrent() || !late.IsCurrent() || late.Sequence() != 400 {
		t.Fatal(whole.Reason(), late.Reason(), late.Sequence())
	}
	if !reflect.DeepEqual(whole.Rows(), late.Rows()) || !reflect.DeepEqual(whole.Bids(), late.Bids()) {
		t.Error("the books differ")
	}
}

func TestMirrorRefusesAHole(t *testing.T) {
	mirror := mirrorOf(t)
	_, _ = mirror.Apply(orderOf(1, "add", "B", 1, 5, 10))
	_, err := mirror.Apply(orderOf(4, "add", "B", 2, 6, 10))
	var gap *SequenceGapError
	if !errors.As(err, &gap) || gap.FirstMissing != 2 || gap.LastMissing != 3 || mirror.IsCurrent() {
		t.Fatal(err)
	}
	if _, err := mirror.Apply(imageOf(3, []BookRow{})); err != nil || !mirror.IsCurrent() || mirror.Sequence() != 4 {
		t.Fatal(err, mirror.Reason(), mirror.Sequence())
	}
	if best, ok := mirror.BestBid(); !ok || best.Price != 6 || best.OrderCount.Or(0) != 1 {
		t.Error(best, ok)
	}
}

func TestMirrorFollowsEvents(t *testing.T) {
	mirror := mirrorOf(t)
	_, _ = mirror.Apply(imageOf(7, nil))
	if !mirror.IsCurrent() || mirror.IsKnown() {
		t.Error("an image without rows says that nothing is known")
	}
	_, _ = mirror.Apply(&Gap{Topic: "order,@ES,", FirstMissing: 8, LastMissing: 9, Epoch: 10})
	if mirror.IsCurrent() || mirror.Reason() != "updates 8 to 9 are missing" {
		t.Error(mirror.Reason())
	}
	_, _ = mirror.Apply(imageOf(9, []BookRow{}))
	_, _ = mirror.Apply(&Disconnected{Cause: "silence"})
	if mirror.IsCurrent() || !mirror.IsStale() {
		t.Error("what is not heard is neither current nor fresh")
	}
	_, _ = mirror.Apply(&GatewayRestarted{10, 11})
	if epoch, _ := mirror.Epoch().Get(); epoch != 11 || mirror.Sequence() != 0 || len(mirror.Rows()) != 0 {
		t.Error(epoch, mirror.Sequence())
	}
	if small, _ := NewBookMirror("order", "@ES", 1); small != nil {
		_, _ = small.Apply(orderOf(1, "add", "B", 1, 5, 1))
		_, _ = small.Apply(orderOf(2, "add", "B", 2, 5, 1))
		if small.IsCurrent() {
			t.Error("a book of more rows than allowed")
		}
	}
}
