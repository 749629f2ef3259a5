#include "state/codec.h"

#include <pthread.h>
#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define VERSION 1
#define CRC_SIZE 4

/* ---- CRC-32C ---- */

static uint32_t crc_table[256];
static bool crc_hardware;
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc_table[i] = c;
	}
#if defined(__x86_64__)
	crc_hardware = __builtin_cpu_supports("sse4.2");
#endif
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_hardware(
	uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t c = crc;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		c = _mm_crc32_u64(c, word);
	}
	for (; n > 0; p++, n--)
		c = _mm_crc32_u8((uint32_t)c, *p);
	return (uint32_t)c;
}
#else
static uint32_t crc_by_hardware(uint32_t crc, const unsigned char *p UNUSED, size_t n UNUSED)
{
	return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	const unsigned char *p = data;

	pthread_once(&crc_once, crc_init);
	crc = ~crc;
	if (crc_hardware)
		return ~crc_by_hardware(crc, p, n);
	for (; n > 0; p++, n--)
		crc = crc_table[(crc ^ *p) & 0xff] ^ crc >> 8;
	return ~crc;
}

/* ---- fields ---- */

static void put_number(struct buf *out, uint64_t value)
{
	char bytes[10];
	size_t n = 0;

	do {
		bytes[n++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value > 0);
	buf_add(out, bytes, n);
}

/* Signed numbers zigzag, so that small negative ones stay short. */
static void put_signed(struct buf *out, int64_t value)
{
	put_number(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void put_string(struct buf *out, struct slice s)
{
	put_number(out, s.n);
	buf_add_slice(out, s);
}

static void put_flags(struct buf *out, const struct flags *f)
{
	size_t words = COUNT_OF(f->keywords);

	put_number(out, f->system);
	while (words > 0 && f->keywords[words - 1] == 0)
		words--;
	put_number(out, words);
	for (size_t i = 0; i < words; i++)
		put_number(out, f->keywords[i]);
}

static void put_digest(struct buf *out, const struct digest *d)
{
	buf_add(out, d->bytes, sizeof(d->bytes));
}

/* A value being read. Once something did not fit, BAD stays set and every further field is empty.
 */
struct reader {
	struct slice rest;
	bool bad;
};

static uint64_t get_number(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && r->rest.n > 0; shift += 7) {
		unsigned char c = (unsigned char)*r->rest.p++;
		r->rest.n--;
		if (shift == 63 && c > 1)
			break;
		value |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

static uint64_t get_most(struct reader *r, uint64_t most)
{
	uint64_t value = get_number(r);
	if (value > most)
		r->bad = true;
	return r->bad ? 0 : value;
}

static uint32_t get_u32(struct reader *r)
{
	return (uint32_t)get_most(r, UINT32_MAX);
}

static int64_t get_signed(struct reader *r)
{
	uint64_t value = get_number(r);
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static struct slice get_string(struct reader *r)
{
	uint64_t n = get_most(r, r->rest.n);
	if (r->bad || n > r->rest.n) {
		r->bad = true;
		return (struct slice){0};
	}
	struct slice s = {r->rest.p, (size_t)n};
	r->rest.p += n;
	r->rest.n -= (size_t)n;
	return s;
}

static void get_flags(struct reader *r, struct flags *out)
{
	*out = (struct flags){.system = (uint32_t)get_most(r, FLAG_ALL)};
	uint64_t words = get_most(r, COUNT_OF(out->keywords));
	for (size_t i = 0; i < words; i++)
		out->keywords[i] = get_number(r);
}

static void get_digest(struct reader *r, struct digest *out)
{
	*out = (struct digest){0};
	if (r->rest.n < sizeof(out->bytes)) {
		r->bad = true;
		return;
	}
	memcpy(out->bytes, r->rest.p, sizeof(out->bytes));
	r->rest.p += sizeof(out->bytes);
	r->rest.n -= sizeof(out->bytes);
}

/* ---- frame ---- */

static void begin(struct buf *out)
{
	buf_clear(out);
	buf_add(out, "\0\0\0\0", CRC_SIZE);
	buf_add_char(out, VERSION);
}

static uint32_t checksum(enum state_table table, struct slice key, struct slice rest)
{
	unsigned char head[5] = {(unsigned char)table};
	uint32_t n = (uint32_t)key.n;

	/* With the key's length, so that its end and the value's beginning can't be mistaken for
	 * each other. */
	memcpy(head + 1, &n, 4);
	uint32_t crc = crc32c(0, head, sizeof(head));
	crc = crc32c(crc, key.p, key.n);
	return crc32c(crc, rest.p, rest.n);
}

static void end(struct buf *out, enum state_table table, struct slice key)
{
	uint32_t crc =
		checksum(table, key, (struct slice){out->data + CRC_SIZE, out->len - CRC_SIZE});
	for (int i = 0; i < CRC_SIZE; i++)
		out->data[i] = (char)(crc >> (8 * i) & 0xff);
}

static bool open_value(
	struct slice value, enum state_table table, struct slice key, struct reader *r)
{
	uint32_t crc = 0;

	if (value.n < CRC_SIZE + 1)
		return false;
	for (int i = 0; i < CRC_SIZE; i++)
		crc |= (uint32_t)(unsigned char)value.p[i] << (8 * i);
	if (crc != checksum(table, key, (struct slice){value.p + CRC_SIZE, value.n - CRC_SIZE}) ||
		value.p[CRC_SIZE] != VERSION)
		return false;
	*r = (struct reader){.rest = {value.p + CRC_SIZE + 1, value.n - CRC_SIZE - 1}};
	return true;
}

static bool close_value(const struct reader *r)
{
	return !r->bad && r->rest.n == 0;
}

/* ---- keys ---- */

void key_number(struct buf *out, uint32_t number)
{
	const char bytes[] = {(char)(number >> 24), (char)(number >> 16 & 0xff),
		(char)(number >> 8 & 0xff), (char)(number & 0xff)};

	buf_add(out, bytes, sizeof(bytes));
}

void key_base(struct buf *out, uint32_t id, struct slice base)
{
	key_number(out, id);
	buf_add_slice(out, base);
}

void key_pending(
	struct buf *out, uint32_t id, enum state_pending_kind kind, uint32_t uid, struct slice base)
{
	key_number(out, id);
	buf_add_char(out, (char)kind);
	key_number(out, uid);
	buf_add_slice(out, base);
}

bool key_read_number(struct slice *key, uint32_t *out)
{
	if (key->n < 4)
		return false;
	*out = 0;
	for (int i = 0; i < 4; i++)
		*out = *out << 8 | (unsigned char)key->p[i];
	key->p += 4;
	key->n -= 4;
	return true;
}

bool key_read_pending(struct slice key, uint32_t *id, struct state_pending *out)
{
	if (!key_read_number(&key, id) || key.n < 5 || key.p[0] < STATE_PENDING_FETCH ||
		key.p[0] > STATE_PENDING_MAILBOX)
		return false;
	out->kind = (enum state_pending_kind)key.p[0];
	key.p++;
	key.n--;
	if (!key_read_number(&key, &out->uid))
		return false;
	out->base = key;
	return true;
}

/* ---- values ---- */

void encode_number(struct buf *out, enum state_table table, struct slice key, uint64_t value)
{
	begin(out);
	put_number(out, value);
	end(out, table, key);
}

bool decode_number(struct slice value, enum state_table table, struct slice key, uint64_t *out)
{
	struct reader r;
	if (!open_value(value, table, key, &r))
		return false;
	*out = get_number(&r);
	return close_value(&r);
}

void encode_tally(struct buf *out, struct slice key, const struct state_tally *tally)
{
	begin(out);
	put_number(out, tally->there);
	put_number(out, tally->here);
	end(out, TABLE_TALLY, key);
}

bool decode_tally(struct slice value, struct slice key, struct state_tally *out)
{
	struct reader r;
	if (!open_value(value, TABLE_TALLY, key, &r))
		return false;
	out->there = get_number(&r);
	out->here = get_number(&r);
	return close_value(&r);
}

void encode_text(struct buf *out, enum state_table table, struct slice key, struct slice text)
{
	begin(out);
	put_string(out, text);
	end(out, table, key);
}

bool decode_text(struct slice value, enum state_table table, struct slice key, struct slice *out)
{
	struct reader r;
	if (!open_value(value, table, key, &r))
		return false;
	*out = get_string(&r);
	return close_value(&r);
}

#define WHERE_ALL (STATE_THERE | STATE_HERE | STATE_REFUSED)

void encode_message(
	struct buf *out, enum state_table table, struct slice key, const struct state_message *m)
{
	begin(out);
	put_number(out, m->where | (m->in_new ? WHERE_ALL + 1u : 0));
	put_string(out, m->base);
	put_string(out, m->info);
	put_flags(out, &m->flags);
	put_number(out, m->size);
	put_signed(out, m->date);
	put_digest(out, &m->header);
	put_digest(out, &m->content);
	end(out, table, key);
}

bool decode_message(
	struct slice value, enum state_table table, struct slice key, struct state_message *out)
{
	struct reader r;

	if (!open_value(value, table, key, &r))
		return false;
	unsigned bits = (unsigned)get_most(&r, 2 * WHERE_ALL + 1);
	out->where = bits & WHERE_ALL;
	out->in_new = bits > WHERE_ALL;
	out->base = get_string(&r);
	out->info = get_string(&r);
	get_flags(&r, &out->flags);
	out->size = get_number(&r);
	out->date = get_signed(&r);
	get_digest(&r, &out->header);
	get_digest(&r, &out->content);
	return close_value(&r);
}

static void put_watermark(struct buf *out, const struct state_watermark *w)
{
	put_number(out, w->uidnext);
	put_number(out, w->messages);
	put_number(out, w->highestmodseq);
	put_signed(out, w->new_mtime);
	put_signed(out, w->new_ctime);
	put_signed(out, w->cur_mtime);
	put_signed(out, w->cur_ctime);
}

static void get_watermark(struct reader *r, struct state_watermark *out)
{
	out->uidnext = get_u32(r);
	out->messages = get_u32(r);
	out->highestmodseq = get_number(r);
	out->new_mtime = get_signed(r);
	out->new_ctime = get_signed(r);
	out->cur_mtime = get_signed(r);
	out->cur_ctime = get_signed(r);
}

void encode_mailbox(struct buf *out, struct slice key, const struct state_mailbox *m)
{
	begin(out);
	put_string(out, m->wire);
	put_string(out, m->name);
	put_string(out, m->path);
	put_number(out, m->uidvalidity);
	put_signed(out, m->born);
	put_number(out, m->inode);
	put_string(out, m->mailboxid);
	put_number(out, m->where);
	put_number(out, m->former);
	put_watermark(out, &m->watermark);
	put_signed(out, m->synced);
	put_number(out, m->letterless);
	end(out, TABLE_MAILBOX, key);
}

bool decode_mailbox(struct slice value, struct slice key, struct state_mailbox *out)
{
	struct reader r;

	if (!open_value(value, TABLE_MAILBOX, key, &r))
		return false;
	out->wire = get_string(&r);
	out->name = get_string(&r);
	out->path = get_string(&r);
	out->uidvalidity = get_u32(&r);
	out->born = get_signed(&r);
	out->inode = get_number(&r);
	out->mailboxid = get_string(&r);
	out->where = (unsigned)get_most(&r, WHERE_ALL);
	out->former = get_u32(&r);
	get_watermark(&r, &out->watermark);
	out->synced = get_signed(&r);
	out->letterless = get_u32(&r);
	return close_value(&r);
}

void encode_upload(struct buf *out, struct slice key, const struct state_upload *u)
{
	begin(out);
	put_digest(out, &u->content);
	put_digest(out, &u->header);
	put_number(out, u->size);
	put_signed(out, u->date);
	put_number(out, u->uidnext_before);
	put_number(out, u->answered);
	end(out, TABLE_UPLOAD, key);
}

bool decode_upload(struct slice value, struct slice key, struct state_upload *out)
{
	struct reader r;

	if (!open_value(value, TABLE_UPLOAD, key, &r))
		return false;
	get_digest(&r, &out->content);
	get_digest(&r, &out->header);
	out->size = get_number(&r);
	out->date = get_signed(&r);
	out->uidnext_before = get_u32(&r);
	out->answered = get_most(&r, 1);
	return close_value(&r);
}

void encode_pending(struct buf *out, struct slice key, const struct state_pending *p)
{
	begin(out);
	put_string(out, p->reason);
	put_number(out, p->count);
	put_signed(out, p->since);
	put_number(out, p->size);
	put_number(out, p->for_now);
	put_number(out, p->pass);
	put_signed(out, p->stamp);
	end(out, TABLE_PENDING, key);
}

bool decode_pending(struct slice value, struct slice key, struct state_pending *out)
{
	struct reader r;

	if (!open_value(value, TABLE_PENDING, key, &r))
		return false;
	out->reason = get_string(&r);
	out->count = get_u32(&r);
	out->since = get_signed(&r);
	out->size = get_number(&r);
	out->for_now = r.rest.n > 0 && get_most(&r, 1); /* older values end here */
	out->pass = r.rest.n > 0 ? get_number(&r) : 0;  /* ... or here */
	out->stamp = r.rest.n > 0 ? get_signed(&r) : 0;
	return close_value(&r);
}
