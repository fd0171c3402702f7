// Scalars and vectors of the kernels. Vectors are clang's, which know + - * and element access by [].
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long i64;
typedef float f32;
typedef _Float16 f16;
typedef __bf16 bf16;

static_assert(sizeof(u64) == 8 && sizeof(u32) == 4, "the data model is LP64");

#define PRESHUFFLE_VECTOR(type, count) typedef type type##x##count __attribute__((ext_vector_type(count)))
PRESHUFFLE_VECTOR(u8, 4);
PRESHUFFLE_VECTOR(u8, 8);
PRESHUFFLE_VECTOR(u8, 16);
PRESHUFFLE_VECTOR(u16, 2);
PRESHUFFLE_VECTOR(u16, 4);
PRESHUFFLE_VECTOR(u16, 8);
PRESHUFFLE_VECTOR(u32, 2);
PRESHUFFLE_VECTOR(u32, 4);
PRESHUFFLE_VECTOR(u32, 8);
PRESHUFFLE_VECTOR(i16, 2);
PRESHUFFLE_VECTOR(i32, 2);
PRESHUFFLE_VECTOR(i32, 4);
PRESHUFFLE_VECTOR(i32, 8);
PRESHUFFLE_VECTOR(f32, 2);
PRESHUFFLE_VECTOR(f32, 4);
PRESHUFFLE_VECTOR(f32, 8);
PRESHUFFLE_VECTOR(f32, 16);
PRESHUFFLE_VECTOR(f16, 2);
PRESHUFFLE_VECTOR(f16, 4);
PRESHUFFLE_VECTOR(f16, 8);
PRESHUFFLE_VECTOR(bf16, 2);
PRESHUFFLE_VECTOR(bf16, 4);
PRESHUFFLE_VECTOR(bf16, 8);
#undef PRESHUFFLE_VECTOR
