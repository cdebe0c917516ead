//! The client of the devices in the field, as a program in C++ (`tests/legacy`): what it sends, and what it makes of answers.
//!
//! [`OldClient`] is for whoever shows that a server speaks with it. What stands here shows that the program is as strict as
//! the client is, against a server of a few lines that says what a test wants. Run by `scripts/test`, which brings g++ and
//! the headers of libcurl and nlohmann-json.

mod driver;
mod issuer;
mod responder;
mod sent;
mod strict;
mod tried;

pub(crate) use driver::{Call, OldClient};
