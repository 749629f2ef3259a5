#include "net/pin.h"

#include <stdio.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool pin_parse(const char *text, struct pin *out)
{
	size_t i;
	int high, low;

	if (strlen(text) != PIN_TEXT_SIZE - 1 || strncmp(text, "sha256:", 7) != 0)
		return false;
	for (i = 0; i < sizeof(out->digest); i++) {
		high = hex_value(text[7 + 2 * i]);
		low = hex_value(text[7 + 2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out->digest[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

const char *pin_text(const struct pin *pin, char *out)
{
	size_t i;

	memcpy(out, "sha256:", 7);
	for (i = 0; i < sizeof(pin->digest); i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", pin->digest[i]);
	return out;
}
