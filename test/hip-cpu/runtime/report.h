// Errors in words: on stderr, and for the tests that ask for the last one.
#pragma once
#include <string>

namespace preshuffle_cpu {

/** Prints what went wrong, and keeps it for preshuffle_cpu_last_failure(). */
void report(const std::string &text);

}  // namespace preshuffle_cpu
