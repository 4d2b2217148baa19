package operator

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The second recommended parameters of RFC 9106, section 4: 3 passes, 64 MiB, 4 lanes, 128-bit salt,
// 256-bit tag.
const (
	passes  = 3
	memory  = 64 << 10 // KiB
	lanes   = 4
	saltLen = 16
	tagLen  = 32
)

// hashPassword is a password's argon2id hash in PHC form.
func hashPassword(password string) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	tag := argon2.IDKey([]byte(password), salt, passes, memory, lanes, tagLen)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, b64(salt), b64(tag)), nil
}

// checkPassword compares a password with a hash in PHC form, in time that does not depend on where they differ.
func checkPassword(phc, password string) (bool, error) {
	var version, m, t, p int
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("the stored password is not argon2id in PHC form")
	}
	_, err1 := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p)
	salt, err2 := base64.RawStdEncoding.DecodeString(parts[4])
	tag, err3 := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2, err3); err != nil {
		return false, fmt.Errorf("the stored password cannot be read: %w", err)
	}
	if version != argon2.Version || m < 8 || m > 1<<20 || t < 1 || t > 64 || p < 1 || p > 64 || len(tag) < 16 {
		return false, fmt.Errorf("the stored password has parameters out of range: v=%d m=%d t=%d p=%d", version, m, t, p)
	}
	got := argon2.IDKey([]byte(password), salt, uint32(t), uint32(m), uint8(p), uint32(len(tag)))
	return subtle.ConstantTimeCompare(got, tag) == 1, nil
}

// hashed hashes in turn, so that many logins at once do not take all memory.
func (a *Accounts) hashed(ctx context.Context, password string) (string, error) {
	select {
	case a.hash <- struct{}{}:
		defer func() { <-a.hash }()
		return hashPassword(password)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (a *Accounts) compare(ctx context.Context, phc, password string) (bool, error) {
	if len(password) > 4*LongestPassword {
		password = "" // no password that long was ever set; an empty one neither
	}
	select {
	case a.hash <- struct{}{}:
		defer func() { <-a.hash }()
		return checkPassword(phc, password)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
