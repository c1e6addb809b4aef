"""Plans: stages as a generator, a pure function of job, inputs and receipts."""
