DROP TABLE decisions;
DROP TYPE execution_mode;
