"""From a report document to a mail: subject, HTML, text and CSV files. Pure, and without a clock."""
