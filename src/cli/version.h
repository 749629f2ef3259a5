/*
 * The program's version, as --version prints it.
 */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#define GODWIT_VERSION "0.1.0"

#endif
