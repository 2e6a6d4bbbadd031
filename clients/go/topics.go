package gatewayclient

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// Symbols, kinds and topics: their grammar, in one place.
//
// A topic is `kind,symbol,`. A kind may carry a variant (`quote@250`), and a private snapshot topic
// is `~<nonce>.kind,symbol,`: subscribing to it is the request for a snapshot.

// nonceCharacters gives about 119 random bits; the contract asks for at least 80.
const nonceCharacters = 20

const nonceAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var (
	clientNamePattern = regexp.MustCompile(`^[A-Za-z0-9._:@-]{1,64}$`)
	symbolPattern     = regexp.MustCompile(`^[A-Z0-9@+#$=./!&^_%\- ]{1,48}$`)
	topicPattern      = regexp.MustCompile(`^([a-z]+)(?:@([1-9][0-9x]{0,8}))?,(?:[!-+\--~ ]{1,64},)?$`)

	isStateKind   = setOf(stateKinds)
	isVariantKind = setOf(variantKinds)
	isKind        = setOf(append(append([]Kind{}, stateKinds...), eventKinds...))
)

// hasImageKind names the kinds whose snapshot is an image of the whole book.
func hasImageKind(kind string) bool { return kind == KindDepth || kind == KindOrder }

// isBaselineKind names the kinds whose snapshot only tells where the sequence stands.
func isBaselineKind(kind string) bool {
	return kind == KindTrade || kind == KindCorrection || kind == KindNews
}

func setOf(kinds []Kind) map[string]bool {
	set := make(map[string]bool, len(kinds))
	for _, kind := range kinds {
		set[kind] = true
	}
	return set
}

// CheckSymbol refuses a symbol that must not reach the gateway with a SecurityValidationError: not 1
// to 48 characters of the vendor's alphabet. IQFeed's symbols are case-sensitive, so for a lower-case
// spelling the hint offers the other one, and the caller decides.
func CheckSymbol(symbol string) error {
	if isSymbol(symbol) {
		return nil
	}
	upper := strings.ToUpper(strings.TrimSpace(symbol[:least(len(symbol), factCharactersMax)]))
	if isSymbol(upper) {
		hint := fmt.Sprintf("Try %q.", upper)
		return symbolRefused("symbol is not spelled as IQFeed spells it", hint, "symbol", symbol)
	}
	return symbolRefused("symbol refused", "", "symbol", symbol)
}

func isSymbol(symbol string) bool {
	return symbolPattern.MatchString(symbol) && symbol[0] != ' ' && symbol[len(symbol)-1] != ' '
}

// expandKinds spells out l1 and l2 and checks every kind; each comes once, in the order asked.
func expandKinds(kinds []string) ([]string, error) {
	var expanded []string
	seen := map[string]bool{}
	for _, kind := range kinds {
		names := []string{kind}
		switch kind {
		case "l1":
			names = l1Kinds
		case "l2":
			names = l2Kinds
		}
		for _, name := range names {
			base, variant, hasVariant := strings.Cut(name, "@")
			if !isKind[base] || hasVariant && !isVariant(base, variant) {
				return nil, invalidArgument("unknown kind", "Use l1, l2 or one of "+kindNames()+".", "kind", kind)
			}
			if !seen[name] {
				seen[name] = true
				expanded = append(expanded, name)
			}
		}
	}
	if len(expanded) == 0 {
		return nil, invalidArgument("no kinds", `Pass at least one, for example "l1".`)
	}
	return expanded, nil
}

func kindNames() string {
	names := append(append([]string{}, stateKinds...), eventKinds...)
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// isVariant tells whether a kind may carry a variant: `250`, and for books `250x5` too.
func isVariant(kind, variant string) bool {
	if !isVariantKind[kind] {
		return false
	}
	milliseconds, levels, hasLevels := strings.Cut(variant, "x")
	if hasLevels && (kind != KindBook || !isNumber(levels, 3)) {
		return false
	}
	return isNumber(milliseconds, 5)
}

// isNumber tells whether text is a number from 1 on, without leading zeros.
func isNumber(text string, digitsMax int) bool {
	if len(text) == 0 || len(text) > digitsMax || text[0] == '0' {
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

func topicOf(kind, symbol string) string { return kind + "," + symbol + "," }

// checkTopic refuses what is neither a complete topic (`bar,AAPL,`) nor a kind prefix (`news,`).
func checkTopic(topic string) error {
	match := topicPattern.FindStringSubmatch(topic)
	if match == nil || match[2] != "" && !isVariant(match[1], match[2]) {
		return invalidArgument("not a topic", "Write `kind,symbol,` or the prefix `kind,`.", "topic", topic)
	}
	return nil
}

func checkTopics(topics []string) error {
	for _, topic := range topics {
		if err := checkTopic(topic); err != nil {
			return err
		}
	}
	return nil
}

// baseKind strips the variant: `quote@250` becomes `quote`.
func baseKind(kind string) string {
	base, _, _ := strings.Cut(kind, "@")
	return base
}

// splitPrivate strips the nonce of a private kind; others stay as they are.
func splitPrivate(kind string) string {
	if strings.HasPrefix(kind, "~") {
		_, rest, _ := strings.Cut(kind, ".")
		return rest
	}
	return kind
}

// newNonce draws a fresh nonce: two snapshot requests must never share one.
func newNonce() string {
	// Bytes that would make some characters likelier than others are drawn again.
	const usable = 256 - 256%len(nonceAlphabet)
	nonce := make([]byte, 0, nonceCharacters)
	drawn := make([]byte, 2*nonceCharacters)
	for len(nonce) < nonceCharacters {
		if _, err := rand.Read(drawn); err != nil {
			panic("the system has no random numbers: " + err.Error())
		}
		for _, b := range drawn {
			if int(b) < usable && len(nonce) < nonceCharacters {
				nonce = append(nonce, nonceAlphabet[int(b)%len(nonceAlphabet)])
			}
		}
	}
	return string(nonce)
}

// chunks cuts a list of symbols or topics into pieces that one request may carry.
func chunks(items []string) [][]string {
	var parts [][]string
	for len(items) > 0 {
		size := least(len(items), SymbolsMax)
		parts = append(parts, items[:size])
		items = items[size:]
	}
	return parts
}

// frameTopic is the topic of a frame from outside, taken apart.
type frameTopic struct {
	kind      string // As received.
	base      string
	symbol    string
	isPrivate bool
}

// parseTopic judges the first two parts of a frame by the contract's grammar.
func parseTopic(kind, symbol string) (frameTopic, error) {
	topic := frameTopic{kind: kind, base: kind, symbol: symbol}
	if len(kind)+len(symbol)+2 > TopicBytesMax || !isFrameSymbol(symbol) {
		return topic, decodeError("topic is malformed", "kind", kind, "symbol", symbol)
	}
	if strings.HasPrefix(kind, "~") {
		nonce, rest, found := strings.Cut(kind[1:], ".")
		if !found || !isNonce(nonce) {
			return topic, decodeError("topic is malformed", "kind", kind, "symbol", symbol)
		}
		topic.isPrivate, topic.base = true, rest
	}
	base, variant, hasVariant := strings.Cut(topic.base, "@")
	topic.base = base
	if !isKindName(base) || hasVariant && !isVariantText(variant) {
		return topic, decodeError("topic is malformed", "kind", kind, "symbol", symbol)
	}
	if !isFrameKind(base, symbol) {
		return topic, unknownMessage("unknown kind", "kind", kind, "symbol", symbol)
	}
	if hasVariant && !isVariant(base, variant) {
		return topic, decodeError("kind has no such variant", "kind", kind)
	}
	return topic, nil
}

func isFrameKind(base, symbol string) bool {
	if base == KindSys {
		return typesOfTopic[symbol] != nil && !isKind[symbol]
	}
	return isKind[base] || base == KindImage
}

func isKindName(text string) bool {
	if len(text) == 0 || len(text) > 16 || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for i := 0; i < len(text); i++ {
		b := text[i]
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '_' {
			return false
		}
	}
	return true
}

func isVariantText(text string) bool {
	milliseconds, levels, hasLevels := strings.Cut(text, "x")
	return isNumber(milliseconds, 5) && (!hasLevels || isNumber(levels, 3))
}

func isNonce(text string) bool {
	if len(text) < NonceCharactersMin || len(text) > NonceCharactersMax {
		return false
	}
	for i := 0; i < len(text); i++ {
		b := text[i]
		if (b < '0' || b > '9') && (b < 'A' || b > 'Z') && (b < 'a' || b > 'z') {
			return false
		}
	}
	return true
}

func isFrameSymbol(text string) bool {
	if len(text) == 0 || len(text) > SymbolBytesMax || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] > '~' || text[i] == ',' {
			return false
		}
	}
	return true
}
