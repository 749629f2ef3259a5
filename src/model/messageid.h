/*
 * The Message-ID of a header block: what is left to recognise a message by if the server changed
 * everything around it.
 */
#ifndef MODEL_MESSAGEID_H
#define MODEL_MESSAGEID_H

#include "model/digest.h"

/* The digest of the id in the first Message-ID field of HEADER, whose line ends are LF or CRLF;
 * zero if there is none worth the name: "<...@...>". Blanks and folding do not count. */
struct digest messageid_of(struct slice header);

#endif
