/* search.c, for select.c. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/connection.h"

/* Nobody will read the answer of a search that is on its way. */
void search_forget(struct imap *imap);

#endif
