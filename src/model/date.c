#include "model/date.h"

#include <stdio.h>
#include <string.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a day in the Gregorian calendar. Counts in years that begin in March, so
 * that the leap day comes last. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

/* N digits at *P. -1 if they are none. */
static int digits(const char *p, size_t n)
{
	int value = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

static int month_of(const char *p)
{
	for (int m = 0; m < 12; m++)
		if (slice_eq_nocase(
			    (struct slice){p, 3}, (struct slice){months + (size_t)m * 3, 3}))
			return m + 1;
	return -1;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

/* "dd-Mon-yyyy hh:mm:ss +zzzz": 26 bytes. */
bool date_parse(struct slice text, int64_t *seconds)
{
	const char *p = text.p;

	if (text.n != 26 || p[2] != '-' || p[6] != '-' || p[11] != ' ' || p[14] != ':' ||
		p[17] != ':' || p[20] != ' ' || (p[21] != '+' && p[21] != '-'))
		return false;
	int day = p[0] == ' ' ? digits(p + 1, 1) : digits(p, 2);
	int month = month_of(p + 3), year = digits(p + 7, 4);
	int hour = digits(p + 12, 2), minute = digits(p + 15, 2), second = digits(p + 18, 2);
	int zone_hour = digits(p + 22, 2), zone_minute = digits(p + 24, 2);
	if (month < 1 || year < 0 || day < 1 || day > days_in_month(year, month) || hour < 0 ||
		hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
		zone_hour < 0 || zone_minute < 0 || zone_minute > 59)
		return false;
	int64_t zone = ((int64_t)zone_hour * 60 + zone_minute) * 60;
	int64_t local = days_of(year, month, day) * 86400 + (int64_t)hour * 3600 +
			(int64_t)minute * 60 + second;
	*seconds = p[21] == '+' ? local - zone : local + zone;
	return true;
}

#define YEAR_1 (-62135596800)    /* 0001-01-01 00:00:00 */
#define YEAR_9999 (253402300799) /* 9999-12-31 23:59:59 */

struct parts {
	int64_t year;
	int month, day, hour, minute, second;
};

static struct parts split(int64_t seconds)
{
	struct parts p;

	if (seconds < YEAR_1)
		seconds = YEAR_1;
	if (seconds > YEAR_9999)
		seconds = YEAR_9999;
	int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	int rest = (int)(seconds - days * 86400);
	date_of(days, &p.year, &p.month, &p.day);
	p.hour = rest / 3600;
	p.minute = rest / 60 % 60;
	p.second = rest % 60;
	return p;
}

void date_format(int64_t seconds, char out[DATE_TEXT_SIZE])
{
	struct parts p = split(seconds);
	snprintf(out, DATE_TEXT_SIZE, "%02d-%.3s-%04d %02d:%02d:%02d +0000", p.day,
		months + (size_t)(p.month - 1) * 3, (int)p.year, p.hour, p.minute, p.second);
}

void date_format_iso(int64_t seconds, char out[DATE_TEXT_SIZE])
{
	struct parts p = split(seconds);
	snprintf(out, DATE_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)p.year, p.month, p.day,
		p.hour, p.minute, p.second);
}
