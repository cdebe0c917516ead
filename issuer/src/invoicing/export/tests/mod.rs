mod csv;
mod journal;
mod json;
mod programs;
mod random;
mod samples;
