package gatewayclient

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"strings"
	"unicode/utf8"
)

// CurveKeys is the keys for a gateway that asks for CURVE; each is Z85 text of 40 characters.
type CurveKeys struct {
	// ServerPublicKey is the gateway's public key.
	ServerPublicKey string
	// PublicKey is this client's public key.
	PublicKey string
	// SecretKey is this client's secret key. It is never part of any text the client makes.
	SecretKey string
}

// String tells of the public key only.
func (k CurveKeys) String() string { return "CurveKeys(public_key=" + k.PublicKey + ")" }

// GoString tells of the public key only, too.
func (k CurveKeys) GoString() string { return k.String() }

const keyFileBytesMax = 65_536

var (
	keyPattern = regexp.MustCompile(`^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$`)
	keyLine    = regexp.MustCompile(`^\s*["']?(\w+)["']?\s*:\s*(?:"([^"]*)"|'([^']*)'|(\S+?))\s*,?\s*$`)
	noKeyLine  = regexp.MustCompile(`^\s*(?:#.*|[{}]|---)?\s*$`)
)

// LoadKeys reads the key file that `iqfeed-gateway keys new` wrote: `server_public_key`, `public_key` and
// `secret_key`, one a line as in YAML, or as JSON; other names in it are ignored.
//
// InvalidArgumentError: it cannot be read, others may read it, or a key is missing or none. No value of
// it is quoted.
func LoadKeys(path string) (*CurveKeys, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if match := keyLine.FindStringSubmatch(line); match != nil {
			found[match[1]] = match[2] + match[3] + match[4]
		} else if !noKeyLine.MatchString(line) {
			return nil, invalidArgument("the file of keys cannot be understood",
				`Write name: "value", one a line.`, "file", path, "line", number+1)
		}
	}
	for _, name := range []string{"server_public_key", "public_key", "secret_key"} {
		if _, ok := found[name]; !ok {
			return nil, invalidArgument("the file of keys is not complete",
				"`iqfeed-gateway keys new` writes all three keys.", "file", path, "missing", name)
		}
	}
	keys := &CurveKeys{found["server_public_key"], found["public_key"], found["secret_key"]}
	return keys, checkKeys(keys)
}

func readKeyFile(path string) (string, error) {
	refused := func(reason error) error {
		var known *fs.PathError
		if errors.As(reason, &known) {
			reason = known.Err
		}
		return invalidArgument("the file of keys cannot be read",
			"Name the file that `iqfeed-gateway keys new` wrote.", "file", path, "reason", reason)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", refused(err)
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return "", refused(err)
	}
	// A group may read it: that is how containers hand secrets to a user who is not root.
	if runtime.GOOS != "windows" && status.Mode().Perm()&0o027 != 0 {
		return "", invalidArgument("the file of keys can be used by others",
			"chmod 600 "+path+", or ask for a new key where others could read this one.", "file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, keyFileBytesMax+1))
	if err != nil {
		return "", refused(err)
	}
	if !utf8.Valid(text) {
		return "", refused(errors.New("not UTF-8"))
	}
	return string(text), nil
}

// checkKeys refuses what is no key, without quoting it.
func checkKeys(keys *CurveKeys) error {
	for name, key := range map[string]string{"server_public_key": keys.ServerPublicKey,
		"public_key": keys.PublicKey, "secret_key": keys.SecretKey} {
		if !keyPattern.MatchString(key) {
			return invalidArgument("not a CURVE key", "A key is Z85 text of 40 characters.", "name", name)
		}
	}
	return nil
}
