"""What is listed about grids, runs, workers and users: declared once, for both ends.

The store gives these, the application sends them as JSON, the client returns them, and the command
line prints them. They are plain frozen values, free of SQL and of the web, and light to import. A
newer end may send fields that an older one does not know.
"""
