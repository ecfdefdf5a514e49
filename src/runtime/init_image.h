/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-container init (init.c) as bytes; init_image.c is made by the build.
 */
#ifndef S2C_RUNTIME_INIT_IMAGE_H
#define S2C_RUNTIME_INIT_IMAGE_H

#include <stddef.h>

extern const unsigned char s2c_init_image[];
extern const size_t s2c_init_image_len;

#endif
