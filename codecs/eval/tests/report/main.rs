//! Reports, from cells to files, and the page in a browser.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

mod bdrate;
mod browser;
mod files;
mod fixture;
mod page;
