"""Tables, migrations, and the SQL: one module per noun. Imports nothing of the other packages."""
