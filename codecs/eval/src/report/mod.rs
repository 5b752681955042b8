//! Cells to tables, plots and one page.
