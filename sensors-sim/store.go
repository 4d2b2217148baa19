package sensorsim

import (
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// copies keeps what is not yet acknowledged: takes copies in and gives copies out. After a reconnect paho
// marks what it finds in its store as duplicates, and writing a message changes it too: with paho's own
// store that may be one message in two goroutines.
type copies struct{ *mqtt.MemoryStore }

// Put keeps a copy.
func (c copies) Put(key string, packet packets.ControlPacket) { c.MemoryStore.Put(key, twin(packet)) }

// Get returns a copy of what is kept.
func (c copies) Get(key string) packets.ControlPacket { return twin(c.MemoryStore.Get(key)) }

// twin copies a publish; the payload, which nobody changes, is shared. Other packets are never changed.
func twin(packet packets.ControlPacket) packets.ControlPacket {
	if publish, ok := packet.(*packets.PublishPacket); ok && publish != nil {
		other := *publish
		return &other
	}
	return packet
}
