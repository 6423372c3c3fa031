//! `squint`: a thin door to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    squint::cli::run()
}
