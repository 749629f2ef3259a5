/*
 * Pairing of more than may be held at once (I7): new messages and new files by tens of thousands,
 * as of an existing Maildir. What is known of the files lies in a temporary file; in memory stay
 * some bytes of each, and a window of the server's messages. Internal to sync/.
 *
 * Only what is proven to be the same by header and size or content is paired here. What is left,
 * the usual pairing takes up.
 */
#ifndef SYNC_BULK_H
#define SYNC_BULK_H

#include "sync/pass.h"

/* So many new files that LOOK does not hold them all, and new messages for them? */
bool bulk_suits(const struct worker *worker, const struct box *box, const struct look *look);

/*
 * Read all new files, then window by window: pairs to be adopted before the next call.
 *
 * bulk_open(&bulk, ...); while ((rc = bulk_next(bulk, &changes, &pairing, err)) == 1) ...;
 * bulk_close(bulk);
 *
 * The worker's arena is reset by each call. CHANGES: messages and their files; PAIRING says which
 * is whose.
 */
struct bulk;
int bulk_open(struct bulk **out, struct worker *worker, struct box *box,
	const struct uidset *new_there, struct err *err) MUST_USE;
int bulk_next(struct bulk *bulk, struct changes *changes, struct pairing *pairing,
	struct err *err) MUST_USE;  /* 1, 0 at the end, -1 */
void bulk_close(struct bulk *bulk); /* NULL is allowed */

#endif
