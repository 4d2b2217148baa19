package journaltest

import (
	"context"
	"errors"
	"sync"

	"tocsin/ingest"
)

// Memory is a journal in memory with the door in front of it: Offer appends and calls done from a
// goroutine of its own, in order, as a group commit would. It may be used by any goroutine.
type Memory struct {
	mu        sync.Mutex
	messages  []ingest.Message
	changed   chan struct{} // closed and replaced at every commit
	held      []held
	hold      bool
	refuse    error
	closed    bool
	committed chan []held
}

type held struct {
	message ingest.Message
	done    func(error)
}

// NewMemory returns an empty journal. Close ends its goroutine.
func NewMemory() *Memory {
	m := &Memory{changed: make(chan struct{}), committed: make(chan []held, 1<<16)}
	go func() {
		for group := range m.committed {
			m.commit(group)
		}
	}()
	return m
}

var errClosed = errors.New("the journal is closed")

// Offer takes one message; done is told once it is kept.
func (m *Memory) Offer(ctx context.Context, message ingest.Message, done func(error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	if m.hold {
		m.held = append(m.held, held{message, done})
		return nil
	}
	m.committed <- []held{{message, done}}
	return nil
}

func (m *Memory) commit(group []held) {
	m.mu.Lock()
	refuse := m.refuse
	if refuse == nil {
		for _, h := range group {
			h.message.Seq = uint64(len(m.messages) + 1)
			m.messages = append(m.messages, h.message)
		}
		close(m.changed)
		m.changed = make(chan struct{})
	}
	m.mu.Unlock()
	for _, h := range group {
		if h.done != nil {
			h.done(refuse)
		}
	}
}

// Hold keeps back every commit from now on, or lets go of all that were kept back.
func (m *Memory) Hold(hold bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = hold
	if !hold && len(m.held) > 0 {
		m.committed <- m.held
		m.held = nil
	}
}

// Held is the number of messages kept back.
func (m *Memory) Held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.held)
}

// Refuse makes every later commit fail with err; nil makes them work again.
func (m *Memory) Refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

// Wait returns all messages once enough says that they are, or what there is when ctx ends.
func (m *Memory) Wait(ctx context.Context, enough func([]ingest.Message) bool) []ingest.Message {
	for {
		m.mu.Lock()
		messages, changed := m.messages[:len(m.messages):len(m.messages)], m.changed
		m.mu.Unlock()
		if enough(messages) {
			return messages
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return messages
		}
	}
}

// Append keeps messages.
func (m *Memory) Append(_ context.Context, messages []ingest.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	if m.refuse != nil {
		return m.refuse
	}
	for i := range messages {
		messages[i].Seq = uint64(len(m.messages) + 1)
		m.messages = append(m.messages, messages[i])
	}
	return nil
}

// Read returns up to limit messages after a position.
func (m *Memory) Read(_ context.Context, after uint64, limit int) ([]ingest.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := min(after, uint64(len(m.messages)))
	rest := m.messages[from:]
	return append([]ingest.Message(nil), rest[:min(limit, len(rest))]...), nil
}

// Last is the position of the newest message.
func (m *Memory) Last() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.messages))
}

// Close ends the journal.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		close(m.committed)
	}
	return nil
}
