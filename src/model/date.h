/*
 * INTERNALDATE (RFC 9051 date-time, "dd-Mon-yyyy hh:mm:ss +zzzz") <-> seconds since 1970, UTC. No
 * locale, no TZ.
 */
#ifndef MODEL_DATE_H
#define MODEL_DATE_H

#include "base/slice.h"

#define DATE_TEXT_SIZE 27

/* false: not a date-time. A blank instead of the leading zero of the day is taken; everything else
 * is strict. */
bool date_parse(struct slice text, int64_t *seconds);
/* UTC ("+0000"). Years 0001..9999 only; others are clamped. Writes 26 bytes and a NUL. */
void date_format(int64_t seconds, char out[DATE_TEXT_SIZE]);
/* "2026-11-23T18:12:03Z" for JSON and logs. */
void date_format_iso(int64_t seconds, char out[DATE_TEXT_SIZE]);

#endif
