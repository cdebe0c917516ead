mod csv;
mod journal;
mod json;
mod pdf;
mod programs;
mod random;
mod samples;
