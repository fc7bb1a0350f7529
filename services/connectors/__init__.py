"""One process an agency: it takes the agency's reports, tells the agency, and says what became of each."""
