"""Facts, verdict, questionnaire, disclosure, rendering."""
