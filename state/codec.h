/*
 * Rows as bytes and back: pure. A value is CRC32C (little-endian, over table, key and the rest) +
 * version byte + fields. Decoding is strict: a length that does not fit, an unknown version and
 * surplus bytes are damage, never a guess.
 */
#ifndef STATE_CODEC_H
#define STATE_CODEC_H

#include "base/buf.h"
#include "state/schema.h"

enum state_table {
	TABLE_META,
	TABLE_MAILBOX,
	TABLE_MESSAGE,
	TABLE_BY_BASE,
	TABLE_ARRIVAL,
	TABLE_UPLOAD,
	TABLE_PENDING,
	TABLE_TALLY,
	TABLE_COUNT,
};

/* CRC-32C (Castagnoli), continued from CRC (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

/* ---- keys, appended to OUT ---- */

void key_number(struct buf *out, uint32_t number); /* big-endian */
void key_base(struct buf *out, uint32_t id, struct slice base);
void key_pending(struct buf *out, uint32_t id, enum state_pending_kind kind, uint32_t uid,
	struct slice base);
/* The numbers and strings of a key back. false: not such a key. */
bool key_read_number(struct slice *key, uint32_t *out); /* takes it off the front */
bool key_read_pending(struct slice key, uint32_t *id, struct state_pending *out);

/* ---- values: encode clears OUT; decoded slices point into VALUE; KEY is the whole key ---- */

void encode_number(struct buf *out, enum state_table table, struct slice key, uint64_t value);
bool decode_number(struct slice value, enum state_table table, struct slice key, uint64_t *out);
void encode_tally(struct buf *out, struct slice key, const struct state_tally *tally);
bool decode_tally(struct slice value, struct slice key, struct state_tally *out); /* not ->id */
void encode_text(struct buf *out, enum state_table table, struct slice key, struct slice text);
bool decode_text(struct slice value, enum state_table table, struct slice key, struct slice *out);
void encode_message(struct buf *out, enum state_table table, struct slice key,
	const struct state_message *message);
bool decode_message(struct slice value, enum state_table table, struct slice key,
	struct state_message *out); /* not ->uid */
void encode_mailbox(struct buf *out, struct slice key, const struct state_mailbox *mailbox);
bool decode_mailbox(struct slice value, struct slice key, struct state_mailbox *out); /* not ->id */
void encode_upload(struct buf *out, struct slice key, const struct state_upload *upload);
bool decode_upload(struct slice value, struct slice key, struct state_upload *out); /* not ->base */
void encode_pending(struct buf *out, struct slice key, const struct state_pending *pending);
bool decode_pending(
	struct slice value, struct slice key, struct state_pending *out); /* not the key's fields */

#endif
