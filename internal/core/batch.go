package core

// What concerns many bindings is done to so many at a time, so long apart: what has
// to be done meanwhile does not wait for all of them, and no switch is sent more than
// it can take.
const (
	batchSize     = 1024
	batchInterval = int64(10e6)
)

// batches is bindings to which something is still to be done.
type batches struct {
	flushed keyQueue // to be doubted, for an operator
	aged    keyQueue // whose age limit is another one
	began   int64    // when the last batch did
	left    int      // how many may be in it yet
}

func (b *batches) len() int { return b.flushed.len() + b.aged.len() }

// tickBatches does as much as may be done now.
func (c *Core) tickBatches() {
	b := &c.batches
	if since := c.now - b.began; since >= batchInterval || since < 0 { // a clock may be set back
		b.began, b.left = c.now, batchSize
	}
	for ; b.left > 0 && b.len() > 0; b.left-- {
		if b.flushed.len() > 0 {
			c.doubt(silentFlushed, askFlushed, b.flushed.pop())
		} else {
			c.rest(b.aged.pop())
		}
	}
}
