//! The old product's environment variables, understood by the programs that took its place. Pure: whoever calls gives the
//! process's environment as pairs and the `.env` file as bytes.
//!
//! ```text
//! Table      which variables a program has: kind, default, meaning, what is remarkable about which value
//! dotenv     the grammar of the file, and how a value is quoted in it
//! Settings   every variable with its value and source: environment > file > default; typed, judged all together
//! Problem    what is wrong with which variable, from where, and the mend; Refusal is all that are errors
//! show       settings as people and scripts read them, secrets redacted
//! template   the file with every default, and the table of the guide
//! ```

mod address;
pub mod alike;
mod dotenv;
mod near;
mod problem;
mod settings;
mod show;
mod source;
mod table;
mod template;
mod value;

pub use address::Address;
pub use dotenv::quote;
pub use problem::{Code, Level, Problem, Refusal, Source, Weight};
pub use settings::{Given, Setting, Settings};
pub use source::EnvFile;
pub use table::{Bounds, Clash, Effect, Group, Kind, Remark, Rule, Table, Variable, When};
pub use value::{Secret, Value};
