//! SVT-AV1's log, kept out of what the user reads.

use std::{env, os::unix::process::CommandExt, process::Command};

/// Where SVT-AV1 looks for how much it writes to standard error, and errors alone.
const LOG: (&str, &str) = ("SVT_LOG", "1");

/// Begins the program again with errors alone in SVT-AV1's log, unless the environment says how much shall be there. The library has no option for it, and the environment
/// of a process that runs is not changed safely. Where that fails, there is more to read and nothing else.
pub fn begin_again() {
    let mut arguments = env::args_os();
    if env::var_os(LOG.0).is_some() {
        return;
    }
    if let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) {
        let _ = Command::new(program).arg0(name).args(arguments).env(LOG.0, LOG.1).exec();
    }
}
