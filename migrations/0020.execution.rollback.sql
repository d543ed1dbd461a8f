DROP TABLE positions_snapshots;
DROP TABLE fills;
DROP TABLE orders;
DROP TABLE execution_plans;
DROP TYPE order_status;
DROP TYPE time_in_force;
DROP TYPE order_type;
