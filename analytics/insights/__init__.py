"""Numbers over ranges of time: what is asked, which rows hold it, and what is answered."""
