from rest_framework.pagination import PageNumberPagination


class PageNumbers(PageNumberPagination):
    """`?page=` and `?page_size=`, 20 rows unless told, never more than 100."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
