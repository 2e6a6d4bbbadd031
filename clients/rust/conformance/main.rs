//! The conformance program: proves that this client means the same as all others.
//!
//! `conformance vectors`, `conformance live` or `conformance bench MODE ENDPOINT COUNT`; JSON lines
//! in, JSON lines out.

// Indexing JSON gives null for what is not there; it never panics.
#![allow(clippy::indexing_slicing)]

mod bench;
mod ledger;
mod live;
mod spelling;
mod vectors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["vectors"] => vectors::run(),
        ["live"] => live::run(),
        ["bench", mode, endpoint, count] => bench::run(mode, endpoint, count),
        _ => {
            eprintln!(
                "usage: conformance vectors | live | bench plain|typed|client ENDPOINT COUNT"
            );
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("conformance: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
