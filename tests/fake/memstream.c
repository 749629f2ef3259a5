#include "tests/fake/memstream.h"

#include <stdlib.h>
#include <string.h>

struct memstream {
	struct stream base;
	struct buf in;      /* fed; read up to in_pos */
	size_t in_pos;      /* always <= in.len */
	bool ended;         /* a clean end follows what was fed */
	struct buf unsent;  /* written, not flushed */
	struct buf written; /* flushed */
	memstream_hook *hook;
	void *hook_arg;
	size_t chunk;      /* 0: no limit */
	size_t write_left; /* SIZE_MAX: no limit */
};

static ssize_t mem_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	struct memstream *mem = (struct memstream *)stream;
	size_t have = mem->in.len - mem->in_pos;

	if (have == 0 && mem->ended)
		return 0;
	if (have == 0 && mem->unsent.len > 0)
		return err_set(err, ERR_NET,
			"memstream: nothing to read, and %zu written bytes were never flushed",
			mem->unsent.len);
	if (have == 0)
		return err_set(err, ERR_NET, "memstream: nothing to read");

	if (n > have)
		n = have;
	if (mem->chunk > 0 && n > mem->chunk)
		n = mem->chunk;
	memcpy(data, mem->in.data + mem->in_pos, n);
	mem->in_pos += n;
	return (ssize_t)n;
}

static int mem_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	struct memstream *mem = (struct memstream *)stream;
	size_t taken = n < mem->write_left ? n : mem->write_left;

	buf_add(&mem->unsent, data, taken);
	if (mem->write_left != SIZE_MAX)
		mem->write_left -= taken;
	return taken == n ? 0 : err_set(err, ERR_NET, "memstream: the connection was cut");
}

static int mem_flush(struct stream *stream, struct err *err)
{
	struct memstream *mem = (struct memstream *)stream;

	if (mem->unsent.len > 0) {
		buf_add_slice(&mem->written, buf_slice(&mem->unsent));
		buf_clear(&mem->unsent);
		if (mem->hook)
			mem->hook(stream, &mem->written, mem->hook_arg);
	}
	if (mem->write_left == 0)
		return err_set(err, ERR_NET, "memstream: the connection was cut");
	return 0;
}

static bool mem_pending(struct stream *stream)
{
	struct memstream *mem = (struct memstream *)stream;

	return mem->in_pos < mem->in.len;
}

static void mem_close(struct stream *stream)
{
	struct memstream *mem = (struct memstream *)stream;

	buf_fini(&mem->in);
	buf_fini(&mem->unsent);
	buf_fini(&mem->written);
	free(mem);
}

static const struct stream_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.flush = mem_flush,
	.pending = mem_pending,
	.close = mem_close,
};

struct stream *memstream_new(void)
{
	struct memstream *mem = xcalloc(1, sizeof(*mem));

	mem->base.ops = &mem_ops;
	mem->write_left = SIZE_MAX;
	return &mem->base;
}

void memstream_feed(struct stream *stream, const void *data, size_t n)
{
	struct memstream *mem = (struct memstream *)stream;

	buf_add(&mem->in, data, n);
}

void memstream_feed_str(struct stream *stream, const char *s)
{
	memstream_feed(stream, s, strlen(s));
}

void memstream_feed_end(struct stream *stream)
{
	((struct memstream *)stream)->ended = true;
}

struct buf *memstream_written(struct stream *stream)
{
	return &((struct memstream *)stream)->written;
}

void memstream_on_write(struct stream *stream, memstream_hook *fn, void *arg)
{
	struct memstream *mem = (struct memstream *)stream;

	mem->hook = fn;
	mem->hook_arg = arg;
}

void memstream_chunk(struct stream *stream, size_t n)
{
	((struct memstream *)stream)->chunk = n;
}

void memstream_cut_writes(struct stream *stream, size_t n)
{
	((struct memstream *)stream)->write_left = n;
}
