//! The C ABI as a host meets it: installed by the script, found by CMake and pkg-config, linked into C and C++ programs,
//! and asked everything that a host may get wrong. Run by `scripts/test`, which brings cmake, g++ and valgrind.

mod abi;
mod hosts;
mod linking;
mod site;
