/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls for a program without a C library: the entry point and the call itself,
 * for x86_64 and aarch64. Kernel ABI: syscall(2), table "Architecture calling
 * conventions".
 */
#ifndef S2C_RUNTIME_INIT_SYS_H
#define S2C_RUNTIME_INIT_SYS_H

#include <asm/unistd.h>

#if defined(__x86_64__)

__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call s2c_init_main\n"
	"	hlt\n");

static inline long sys6(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)

__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl s2c_init_main\n"
	"	brk #0\n");

static inline long sys6(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

#else
#error "the in-container init knows x86_64 and aarch64"
#endif

/* Fewer arguments; the kernel ignores the rest. */
#define SYS0(nr) sys6(nr, 0, 0, 0, 0, 0)
#define SYS1(nr, a) sys6(nr, (long)(a), 0, 0, 0, 0)
#define SYS2(nr, a, b) sys6(nr, (long)(a), (long)(b), 0, 0, 0)
#define SYS3(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0)
#define SYS4(nr, a, b, c, d) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0)
#define SYS5(nr, a, b, c, d, e)                                                          \
	sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

#endif
