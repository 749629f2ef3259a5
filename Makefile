# Temporary start; the full Makefile replaces this.
CFLAGS = -std=c17 -D_GNU_SOURCE -O2 -g -Isrc -I. -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wswitch-enum -Wconversion -Wno-sign-conversion
