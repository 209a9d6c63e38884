"""Django with nothing around it, writing the rows that the product writes."""
