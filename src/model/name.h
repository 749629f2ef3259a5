/*
 * Mailbox names: wire <-> canonical.
 *
 * The wire name is what the server says, byte for byte, and what we say to it. The canonical name
 * is what people see, what patterns match, and what folders are made from: levels joined by '/',
 * valid UTF-8. Inside a level these are written %XX (upper-case hex): control bytes (< 0x20, 0x7F),
 * '/', bytes that are not valid UTF-8, and a '%' that stands before two hex digits. An empty level
 * is "%". INBOX in any case, alone or as the first level, is "INBOX". Both directions are exact:
 * wire -> canonical -> wire gives the same bytes whenever the wire name is canonical modified UTF-7
 * (RFC 3501 5.1.3), or UTF-8 when the connection speaks it. A wire name whose UTF-7 is broken keeps
 * its bytes as they are in the canonical name; the state remembers the pair.
 */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include "base/buf.h"

#define NAME_MAX_BYTES 4096 /* longer names are refused */

/* How a server writes names. */
struct name_rules {
	char delimiter; /* hierarchy delimiter; 0: none (NIL) */
	bool utf8; /* names are UTF-8 on the wire (IMAP4rev2, UTF8=ACCEPT), else modified UTF-7 */
	const char *prefix; /* personal namespace prefix ("INBOX." on Courier), "" if none;
			       borrowed. Not shown in canonical names */
};

/*
 * Canonical form of WIRE appended to OUT. false: refused (empty, NUL, longer than NAME_MAX_BYTES;
 * OUT unchanged). With prefix "INBOX.": "INBOX.a.b" is "a/b", "INBOX" is "INBOX", a name outside
 * the prefix is kept whole.
 */
bool name_to_canonical(const struct name_rules *rules, struct slice wire, struct buf *out) MUST_USE;
/*
 * Wire form of CANONICAL appended to OUT. false: the server can't hold it (a level contains the
 * delimiter, no delimiter and more than one level, too long).
 */
bool name_to_wire(const struct name_rules *rules, struct slice canonical, struct buf *out) MUST_USE;

/* Is S well-formed UTF-8 (no surrogates, no overlong forms, <= U+10FFFF)? */
bool name_valid_utf8(struct slice s);
/* RFC 3501 5.1.3, appended to OUT. false: S is not valid UTF-8. */
bool utf7_encode(struct slice s, struct buf *out) MUST_USE;
/* false: not canonical modified UTF-7 (raw 8-bit, unfinished shift, surplus bits, encoded ASCII,
 * back-to-back shifts). */
bool utf7_decode(struct slice s, struct buf *out) MUST_USE;

/* Next level of a canonical name: *REST is advanced behind it; false at the end. */
bool name_next_level(struct slice *rest, struct slice *level);
/* Raw bytes of one canonical LEVEL (the %XX undone) appended to OUT. */
void name_unescape(struct slice level, struct buf *out);

#endif
