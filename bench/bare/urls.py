from django.urls import path

from bench.bare import views

urlpatterns = [
    path("hello/", views.hello),
    path("<str:way>/<str:name>/", views.operate),
]
