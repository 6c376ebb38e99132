"""What is shown: tables, figures and pages rendered from records."""
